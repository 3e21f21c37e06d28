import { reloadSoakTest } from './support/reload-soak-test.ts';

reloadSoakTest('node');
