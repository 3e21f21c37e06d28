import { conform } from './bytes.rules.ts';

conform('epoll');
