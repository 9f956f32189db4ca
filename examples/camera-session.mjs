// Grounds frames as they come, here made up; each frame is answered at once and again when it is final:
//   node examples/camera-session.mjs
import { VideoMolmo } from 'videomolmo'

const [width, height] = [192, 144]

/** A red square that moves to the right over a gray background. */
function frame(number) {
  const data = new Uint8Array(width * height * 3).fill(90)
  for (let y = 50; y < 90; y++) {
    for (let x = 20 + number * 4; x < 60 + number * 4; x++) data.set([215, 35, 40], (y * width + x) * 3)
  }
  return { data, width, height, timeNs: BigInt(number) * 33_333_333n }
}

const vm = await VideoMolmo.load()
const session = vm.openSession('the red square', { mode: 'lag' })

async function film() {
  for (let number = 0; number < 20; number++) await session.push(frame(number))
  session.end()
}

try {
  const filming = film()
  for await (const { frameIndex, final, mask } of session) {
    console.log(`frame ${frameIndex} ${final ? 'final' : 'first'}: ${mask.area} pixels`)
  }
  await filming
} finally {
  session.dispose()
  await vm.dispose()
}
