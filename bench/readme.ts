/**
 * Makes the README's tables from the committed results.
 * Run: npm run bench:readme
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { committedResults, committedTlsResults, readmeTables, withTable } from './support/readme-table.ts';

const README = new URL('../README.md', import.meta.url);
const folder = new URL('./results/', import.meta.url);
const [results, tls] = [committedResults(folder), committedTlsResults(folder)];
writeFileSync(README, withTable(readFileSync(README, 'utf8'), readmeTables(results, tls)));
console.log(results === null ? 'no results yet' : `table of the ${results.mode} run written`);
console.log(tls === null ? 'no results of TLS yet' : 'table of TLS written');
