import { conform } from './addresses.rules.ts';

conform('epoll');
