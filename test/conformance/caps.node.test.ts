import { conform } from './caps.rules.ts';

conform('node');
