import yauzl from 'yauzl'

/** Names of the files of an archive, as another program reads them. */
export async function zipNames(path: string): Promise<string[]> {
  const zip = await new Promise<yauzl.ZipFile>((resolve, reject) => {
    yauzl.open(path, { lazyEntries: false }, (error, file) =>
      error ? reject(error) : resolve(file),
    )
  })
  const names: string[] = []
  return new Promise((resolve, reject) => {
    zip.on('entry', (entry: yauzl.Entry) => names.push(entry.fileName))
    zip.on('error', reject)
    zip.on('end', () => resolve(names))
  })
}
