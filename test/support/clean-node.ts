/**
 * The command line that runs something without the loaders that the test runner puts into NODE_OPTIONS of every
 * child: as a user would run it. env(1) becomes the program, so its process id and signals are the program's.
 */
export const clean = (program: string, ...args: readonly string[]): [command: string, args: string[]] => [
	'env',
	['-u', 'NODE_OPTIONS', program, ...args],
];
