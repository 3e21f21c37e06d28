import { conform } from './bad-input.rules.ts';

conform('epoll');
