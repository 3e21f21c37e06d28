import { conform } from './stopping.rules.ts';

conform('epoll');
