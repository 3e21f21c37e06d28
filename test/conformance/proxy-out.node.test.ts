import { conform } from './proxy-out.rules.ts';

conform('node');
