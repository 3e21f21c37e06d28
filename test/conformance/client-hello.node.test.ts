import { conform } from './client-hello.rules.ts';

conform('node');
