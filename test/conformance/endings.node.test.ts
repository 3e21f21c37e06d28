import { conform } from './endings.rules.ts';

conform('node');
