import { conform } from './shaping.rules.ts';

conform('node');
