import { conform } from './upstream-tls.rules.ts';

conform('node');
