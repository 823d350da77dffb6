import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Plugin } from 'vite'

const BASE = '/app/'

/** Emit sw.js with the list of files of this build, under a version that changes with their content. */
export function serviceWorker(): Plugin {
  return {
    name: 'fieldwright-service-worker',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const hash = createHash('sha256')
        const files: string[] = []
        for (const file of Object.values(bundle)) {
          if (file.fileName.endsWith('.map')) continue
          files.push(BASE + file.fileName)
          hash.update(file.fileName).update(file.type === 'chunk' ? file.code : file.source)
        }
        for (const name of readdirSync('public')) {
          files.push(BASE + name)
          hash.update(name).update(readFileSync(`public/${name}`))
        }
        const source = readFileSync('src/sw.js', 'utf8')
          .replace('__FILES__', JSON.stringify(files.sort()))
          .replace('__VERSION__', JSON.stringify(hash.digest('hex').slice(0, 12)))
        this.emitFile({ type: 'asset', fileName: 'sw.js', source })
      },
    },
  }
}
