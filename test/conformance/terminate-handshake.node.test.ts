import { conform } from './terminate-handshake.rules.ts';

conform('node');
