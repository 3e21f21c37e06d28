import { conform } from './bad-input.rules.ts';

conform('node');
