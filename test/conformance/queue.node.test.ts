import { conform } from './queue.rules.ts';

conform('node');
