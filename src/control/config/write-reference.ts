import { writeFileSync } from 'node:fs';
import { renderReference } from './reference.ts';

/** `npm run reference`: brings `config/REFERENCE.md` up to date with the schema. */
writeFileSync(new URL('../../../config/REFERENCE.md', import.meta.url), renderReference());
