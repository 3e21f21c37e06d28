import { conform } from './endings.rules.ts';

conform('epoll');
