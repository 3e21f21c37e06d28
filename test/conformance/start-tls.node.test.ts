import { conform } from './start-tls.rules.ts';

conform('node');
