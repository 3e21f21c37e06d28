import { conform } from './refusals.rules.ts';

conform('epoll');
