import { conform } from './stopping.rules.ts';

conform('node');
