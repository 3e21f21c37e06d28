import t from 'tap';
import { Meter } from '../../src/engine/meter.ts';

t.test('bytes are counted by direction, with the time of the last', async (t) => {
	const meter = new Meter();
	meter.count('upload', 10, 100);
	meter.count('download', 5, 200);
	meter.count('upload', 1, 300);
	t.match(meter, { uploadBytes: 11, downloadBytes: 5, lastByteNs: 300, throttledNs: 0, throttledSinceNs: 0 });
});

t.test('time counts while at least one direction is held back, once', async (t) => {
	const meter = new Meter();
	meter.holdBack(100);
	t.equal(meter.throttledSinceNs, 100);
	meter.holdBack(150);
	meter.letGo(180);
	t.same([meter.throttledNs, meter.throttledSinceNs], [0, 100], 'the other one still is');
	meter.letGo(200);
	t.same([meter.throttledNs, meter.throttledSinceNs], [100, 0]);
	meter.holdBack(500);
	meter.letGo(550);
	t.equal(meter.throttledNs, 150);
});
