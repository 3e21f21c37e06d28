import { conform } from './proxy-protocol.rules.ts';

conform('node');
