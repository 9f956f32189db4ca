import t from 'tap'
import { answerTemplate, parseAnswer, writeCount, writePoints } from '../../lib/text/answer.js'
import { parseEvaluationAnswer, parseReferenceAnswer } from '../parity/reference/answer.js'
import { readTextCases } from './cases.js'

const { parse } = readTextCases()

t.test('the reference parser', t => {
  for (const { text, width, height, points } of parse) {
    if (points === null) {
      t.throws(() => parseReferenceAnswer(text, width, height), { code: 'DECODE_FAILED' }, text)
    } else {
      t.same(parseReferenceAnswer(text, width, height), points, text)
    }
  }
  t.end()
})

t.test('the robust parser', t => {
  for (const { text, width, height, points, better } of parse) {
    const found = parseAnswer(text, width, height).points.map(({ x, y }) => [x, y])
    t.same(found, better ?? points, text)
  }
  t.end()
})

t.test("the parser of Molmo's evaluation", t => {
  for (const { text, width, height, molmo_eval_points: expected } of parse) {
    const found = parseEvaluationAnswer(text, width, height)
    t.equal(found.length, expected.length, text)
    found.forEach(([x, y], i) => {
      const [wantedX, wantedY] = expected[i]!
      t.ok(Math.abs(x - wantedX) <= 1e-12 * Math.abs(wantedX), `${text}: ${x} is ${wantedX}`)
      t.ok(Math.abs(y - wantedY) <= 1e-12 * Math.abs(wantedY), `${text}: ${y} is ${wantedY}`)
    })
  }
  t.end()
})

t.test('what an answer says beside its points', t => {
  const answer = parseAnswer(
    ' Counting the <points x1="1.0" y1="2.0" x2="3.0" y2="4.0" alt="cup &amp; saucer">cups</points> shows a total of 2.',
    200,
    100,
  )
  t.equal(answer.statedTotal, 2)
  t.equal(answer.absent, false)
  t.match(answer.points[1], {
    x: 6,
    y: 4,
    percentX: 3,
    percentY: 4,
    alt: 'cup & saucer',
    label: 'cups',
  })
  for (const text of [
    ' There are none.',
    " This isn't in the video.",
    ' This isn’t in the image.',
  ]) {
    t.same(parseAnswer(text, 10, 10), { points: [], absent: true }, text)
  }
  t.same(parseAnswer(' No idea.', 10, 10), { points: [], absent: false })
  t.match(parseAnswer('<point x="1" y="2" alt="&#8364;&#x41;&unknown;">a</point>', 9, 9), {
    points: [{ alt: '€A&unknown;' }],
  })
  t.end()
})

t.test('writing points', t => {
  t.equal(
    writePoints([{ x: 63.54, y: 44.46 }], 'left hand'),
    '<point x="63.5" y="44.5" alt="left hand">left hand</point>',
  )
  t.equal(
    writePoints(
      [
        { x: 30.1, y: 40 },
        { x: 10.04, y: 20.5 },
        { x: 10, y: 7 },
      ],
      'dogs',
      { alt: '"dogs"' },
    ),
    '<points x1="10.0" y1="7.0" x2="10.0" y2="20.5" x3="30.1" y3="40.0" alt="&quot;dogs&quot;">dogs</points>',
  )
  t.equal(writePoints([], 'dogs'), 'There are none.')
  t.equal(
    writeCount([{ x: 5, y: 6 }], 'car'),
    'Counting the <point x="5.0" y="6.0" alt="car">car</point> shows a total of 1.',
  )
  t.throws(() => writePoints([{ x: Number.NaN, y: 1 }], 'a'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => writePoints([{ x: 100.1, y: 1 }], 'a'), { code: 'INVALID_ARGUMENT' })
  t.end()
})

t.test('what is written is read back', t => {
  const points = [
    { x: 0, y: 0 },
    { x: 12.3, y: 99.9 },
    { x: 12.3, y: 100 },
  ]
  const read = parseAnswer(writePoints(points, 'a <b> & "c"'), 1000, 1000).points
  t.same(
    read.map(({ percentX, percentY }) => ({ x: percentX, y: percentY })),
    points,
  )
  t.equal(read[0]!.label, 'a <b> & "c"')
  t.equal(read[0]!.alt, 'a <b> & "c"')
  t.end()
})

t.test('the usual answer to a sentence names its thing', t => {
  const answer = (thing: string) => ` <point x="50.0" y="50.0" alt="${thing}">${thing}</point>`
  for (const [query, thing] of [
    ['Point to the white pigeon.', 'white pigeon'],
    ['please point at all the dogs', 'dogs'],
    ['the red square ', 'red square'],
    ['a theatre', 'a theatre'],
    ['a < b & "c"', 'a &lt; b &amp; &quot;c&quot;'],
  ] as const) {
    t.equal(answerTemplate(query), answer(thing))
  }
  t.end()
})
