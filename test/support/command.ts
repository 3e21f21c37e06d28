import { main } from '../../src/cli/main.ts';

/** A command in this process: what it would say and exit with. */
export async function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
	let stdout = '';
	let stderr = '';
	const code = await main(args, {
		out: (line) => {
			stdout += `${line}\n`;
		},
		err: (line) => {
			stderr += `${line}\n`;
		},
	});
	return { code, stdout, stderr };
}
