import { readFile, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the process's environment says about the hub; the variables are those of Python's huggingface_hub. */
export interface HubEnvironment {
  /** HF_ENDPOINT. Default https://huggingface.co. */
  readonly endpoint: string
  /** HF_HUB_CACHE, or hub/ in HF_HOME. Default ~/.cache/huggingface/hub. */
  readonly cache: string
  /** HF_HUB_OFFLINE: nothing is asked of the network. */
  readonly offline: boolean
  /** HF_TOKEN, or what `hf auth login` has left in HF_HOME; sent to the endpoint alone. */
  readonly token: string | undefined
  /** Bytes free where the folder lies. */
  readonly freeBytes: (folder: string) => Promise<number>
  /** Waits before another attempt. */
  readonly pause: (milliseconds: number, signal?: AbortSignal) => Promise<void>
}

const isOn = (value: string | undefined) => /^(1|true|yes|on)$/i.test(value ?? '')

async function storedToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface')
  const text = await readFile(env.HF_TOKEN_PATH ?? join(home, 'token'), 'utf8').catch(() => '')
  return text.trim() || undefined
}

export async function hubEnvironment(): Promise<HubEnvironment> {
  const { getHFHubCachePath } = await import('@huggingface/hub')
  const { env } = process
  return {
    endpoint: (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, ''),
    cache: getHFHubCachePath(),
    offline: isOn(env.HF_HUB_OFFLINE),
    token: env.HF_TOKEN?.trim() || (await storedToken(env)),
    freeBytes: async folder => {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    },
    pause: (milliseconds, signal) => sleep(milliseconds, undefined, signal ? { signal } : {}),
  }
}
