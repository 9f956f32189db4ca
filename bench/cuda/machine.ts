import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { addon } from '../../lib/engine/loader.js'
import { root } from './pieces/kernels.js'
import type { RunRow } from './results.js'

const SMI = 'clocks.sm,clocks.mem,power.draw,temperature.gpu,utilization.gpu,memory.used'

function output(command: string, args: readonly string[]): string {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', cwd: root })
  return status === 0 ? stdout.trim() : ''
}

/** Clocks and load of the devices as they are now; nothing where nvidia-smi is not. */
export function deviceState(when: string): string[] {
  const found = output('nvidia-smi', [`--query-gpu=${SMI}`, '--format=csv'])
  return found === '' ? [] : [`${when}: ${found.split('\n').join('; ')}`]
}

function revision(): string {
  const commit = output('git', ['rev-parse', '--short', 'HEAD'])
  const changed = output('git', ['status', '--porcelain', '--untracked-files=no'])
  return commit === '' ? 'unknown' : commit + (changed === '' ? '' : ' with changes')
}

/** What a piece's figures belong to. */
export function runRow(): RunRow {
  const { devices, driverVersion, cublasLt } = addon().cuda()
  const lt = 'version' in cublasLt ? `cuBLASLt ${cublasLt.version}` : 'no cuBLASLt'
  const [processor] = cpus()
  return {
    kind: 'run',
    command: `npm run bench -- cuda ${process.argv.slice(2).join(' ')}`.trim(),
    date: new Date().toISOString().slice(0, 10),
    revision: revision(),
    device: devices[0]
      ? `${devices[0].name} (${devices[0].computeCapability}, ${(devices[0].totalBytes / 2 ** 30).toFixed(0)} GiB)`
      : 'no device',
    driver: `driver for CUDA ${driverVersion ?? 'none'}`,
    cublasLt: lt,
    host: `${cpus().length} cores of ${processor?.model ?? 'unknown'}, Node ${process.version}`,
    state: deviceState('before'),
  }
}
