import { conform } from './shaping-reload.rules.ts';

conform('epoll');
