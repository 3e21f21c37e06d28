import { conform } from './passthrough.rules.ts';

conform('node');
