import { conform } from './proxy.rules.ts';

conform('epoll');
