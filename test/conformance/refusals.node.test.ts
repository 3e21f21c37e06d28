import { conform } from './refusals.rules.ts';

conform('node');
