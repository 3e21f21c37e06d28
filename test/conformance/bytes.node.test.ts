import { conform } from './bytes.rules.ts';

conform('node');
