import type { Command } from 'commander'
import { downloadModel } from '../hub/resolve.js'
import type { CommandContext } from './context.js'
import { showDownloads } from './download-bar.js'
import { withJson } from './options.js'

export function addDownloadCommand(program: Command, { signal, print }: CommandContext): void {
  withJson(
    program
      .command('download')
      .description('fetches a model from the Hugging Face hub into the cache and prints its folder')
      .argument('<id>', 'owner/name, or owner/name@revision'),
  ).action(async (id: string, flags: { json?: boolean }) => {
    const folder = await downloadModel(id, { signal, onProgress: showDownloads() })
    print(flags.json ? JSON.stringify({ id, folder }) : folder)
  })
}
