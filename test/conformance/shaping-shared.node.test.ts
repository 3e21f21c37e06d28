import { conform } from './shaping-shared.rules.ts';

conform('node');
