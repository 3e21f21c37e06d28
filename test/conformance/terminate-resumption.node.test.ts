import { conform } from './terminate-resumption.rules.ts';

conform('node');
