import { conform } from './proxy-clients.rules.ts';

conform('node');
