import t from 'tap'
import { readDeclarations, withoutComments } from './declarations.js'

t.test('comments go, strings stay', async t => {
  t.equal(withoutComments('a /* "x" { */ b // } c\nd'), 'a  b \nd')
  t.equal(withoutComments(`type A = '/* no */' | "// no"`), `type A = '/* no */' | "// no"`)
})

t.test('what a module declares, imports and exports', async t => {
  const { declared, imported, exported, stars } = readDeclarations(`
    import type { One, Two as Second } from './one.js';
    import { type Three } from '../three.js';
    import 'side-effect';
    /** A comment; with { braces. */
    export declare class Thing<T> extends One {
        #private;
        run(options?: { a: string; b: '}' }): void;
    }
    interface Inner { a: number }
    export type Text = \`a;\${string}\` | ';';
    export declare function over(a: string): void;
    export declare function over(a: number): void;
    export declare const list: readonly ['a', 'b'];
    export { Second, type Three as Third } from './other.js';
    export type { Inner };
    export * from './all.js';
    //# sourceMappingURL=x.d.ts.map
  `)
  t.same([...declared.keys()], ['Thing', 'Inner', 'Text', 'over', 'list'])
  t.same(declared.get('Thing'), [
    "class Thing<T> extends One { #private; run(options?: { a: string; b: '}' }): void; }",
  ])
  t.equal(declared.get('over')!.length, 2)
  t.same(
    [...imported],
    [
      ['One', { from: './one.js', name: 'One' }],
      ['Second', { from: './one.js', name: 'Two' }],
      ['Three', { from: '../three.js', name: 'Three' }],
    ],
  )
  t.same([...exported.keys()].sort(), ['Inner', 'Second', 'Text', 'Thing', 'Third', 'list', 'over'])
  t.same(exported.get('Third'), { from: './other.js', name: 'Three' })
  t.same(exported.get('Inner'), { from: null, name: 'Inner' })
  t.same(stars, ['./all.js'])
  t.throws(() => readDeclarations('export = thing;'), /not understood: export = thing/)
})
