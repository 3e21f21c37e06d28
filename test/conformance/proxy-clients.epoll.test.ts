import { conform } from './proxy-clients.rules.ts';

conform('epoll');
