import { conform } from './terminate.rules.ts';

conform('node');
