import { writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import yazl from 'yazl'

/** Storage types of PyTorch by the dtypes of safetensors. */
const STORAGES: { [dtype: string]: [name: string, bytes: number] } = {
  F64: ['DoubleStorage', 8],
  F32: ['FloatStorage', 4],
  F16: ['HalfStorage', 2],
  BF16: ['BFloat16Storage', 2],
  I64: ['LongStorage', 8],
  I32: ['IntStorage', 4],
  I16: ['ShortStorage', 2],
  I8: ['CharStorage', 1],
  U8: ['ByteStorage', 1],
  BOOL: ['BoolStorage', 1],
}

/** A tensor in row-major order, as torch.save would write it. */
export interface TorchTensor {
  dtype: string
  shape: readonly number[]
  data: Buffer
}

const text = (value: string) => {
  const bytes = Buffer.from(value)
  const head = Buffer.from([0x58, 0, 0, 0, 0]) // BINUNICODE
  head.writeUInt32LE(bytes.length, 1)
  return Buffer.concat([head, bytes])
}

const integer = (value: number) => {
  const bytes = Buffer.from([0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0]) // LONG1
  bytes.writeBigInt64LE(BigInt(value), 2)
  return bytes
}

const global = (name: string) => Buffer.from(`c${name.replace(' ', '\n')}\n`)
const tuple = (...items: Buffer[]) => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')])
const call = (name: string, ...items: Buffer[]) =>
  Buffer.concat([global(name), tuple(...items), Buffer.from('R')])

function rebuilt({ dtype, shape, data }: TorchTensor, key: number): Buffer {
  const [storage, bytes] = STORAGES[dtype]!
  const id = tuple(
    text('storage'),
    global(`torch ${storage}`),
    text(String(key)),
    text('cpu'),
    integer(data.length / bytes),
  )
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1))
  return call(
    'torch._utils _rebuild_tensor_v2',
    Buffer.concat([id, Buffer.from('Q')]), // BINPERSID
    integer(0),
    tuple(...shape.map(integer)),
    tuple(...strides.map(integer)),
    Buffer.from([0x89]), // NEWFALSE
    call('collections OrderedDict'),
  )
}

const dictionary = (entries: [string, Buffer][]) =>
  Buffer.concat([
    Buffer.from('}('),
    ...entries.flatMap(([key, value]) => [text(key), value]),
    Buffer.from('u'),
  ])

export interface TorchFileOptions {
  /** The key that holds the tensors; without one the file's dictionary is that of the tensors. */
  key?: string
  byteOrder?: string
  compress?: boolean
  zip64?: boolean
  /** Any pickle in place of the right one. */
  pickle?: Buffer
}

/** Writes a file as torch.save does. */
export async function writeTorch(
  path: string,
  tensors: Record<string, TorchTensor>,
  { key, byteOrder, compress = false, zip64 = false, pickle }: TorchFileOptions = {},
): Promise<void> {
  const options = { compress, forceZip64Format: zip64 }
  const values = dictionary(
    Object.entries(tensors).map(([name, tensor], i) => [name, rebuilt(tensor, i)]),
  )
  const root = key === undefined ? values : dictionary([[key, values]])
  const zip = new yazl.ZipFile()
  const whole = Buffer.concat([Buffer.from([0x80, 2]), root, Buffer.from('.')])
  zip.addBuffer(pickle ?? whole, 'archive/data.pkl', options)
  if (byteOrder) zip.addBuffer(Buffer.from(byteOrder), 'archive/byteorder', options)
  Object.values(tensors).forEach(({ data }, i) => {
    zip.addBuffer(data, `archive/data/${i}`, options)
  })
  zip.end({ forceZip64Format: zip64, comment: '' })
  writeFileSync(path, await buffer(zip.outputStream as NodeJS.ReadableStream))
}
