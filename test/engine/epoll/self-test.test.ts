import t from 'tap';
import { openTestedLibc } from '../../../src/engine/epoll/self-test.ts';
import { run, WITHOUT } from '../../support/broken-koffi.ts';

t.test('where all works it answers the C library', async (t) => {
	t.ok('libc' in openTestedLibc());
});

const ASK = `
	import { openTestedLibc } from ${JSON.stringify(new URL('../../../src/engine/epoll/self-test.ts', import.meta.url).href)};
	const tested = openTestedLibc();
	console.log('libc' in tested ? 'works' : tested.reason);
`;

for (const [fault, reason] of [
	['koffi', /^Cannot find (module|package) 'koffi'/],
	['splice', /splice/],
	['splice-fails', /^splice does not work here/],
	['eventfd-fails', /^eventfd or epoll does not work here/],
	['layout', /^no layout is known for (glibc|musl)-mips$/],
	['platform', /^epoll needs Linux, this is darwin$/],
] as const) {
	t.test(`without ${fault} it answers the reason`, async (t) => {
		const { stdout, stderr } = await run(ASK, fault);
		t.match(stdout.trim(), reason);
		t.equal(stderr, '');
		t.ok(WITHOUT.includes(fault));
	});
}
