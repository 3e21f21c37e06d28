/**
 * Makes the README's table from the committed results.
 * Run: npm run bench:readme
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { committedResults, readmeTable, withTable } from './support/readme-table.ts';

const README = new URL('../README.md', import.meta.url);
const results = committedResults(new URL('./results/', import.meta.url));
writeFileSync(README, withTable(readFileSync(README, 'utf8'), readmeTable(results)));
console.log(results === null ? 'no results yet' : `table of the ${results.mode} run written`);
