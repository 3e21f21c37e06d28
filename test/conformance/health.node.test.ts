import { conform } from './health.rules.ts';

conform('node');
