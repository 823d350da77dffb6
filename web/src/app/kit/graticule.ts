import L from 'leaflet'

const STEPS = [10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]

function stepAt(zoom: number): number {
  const degreesPerTile = 360 / 2 ** zoom
  return STEPS.find((step) => step <= degreesPerTile / 2) ?? STEPS.at(-1)!
}

/** Lines of latitude and longitude on a plain ground, for a map without tiles. */
class Graticule extends L.GridLayer {
  protected override createTile(coords: L.Coords): HTMLElement {
    const tile = document.createElement('canvas')
    const size = this.getTileSize()
    tile.width = size.x
    tile.height = size.y
    tile.className = 'graticule'
    const pen = tile.getContext('2d')
    if (pen) this.draw(pen, coords, size)
    return tile
  }

  private draw(pen: CanvasRenderingContext2D, coords: L.Coords, size: L.Point): void {
    const zoom = coords.z
    const corner = L.point(coords.x * size.x, coords.y * size.y)
    const northWest = L.CRS.EPSG3857.pointToLatLng(corner, zoom)
    const southEast = L.CRS.EPSG3857.pointToLatLng(corner.add(size), zoom)
    const step = stepAt(zoom)
    const digits = Math.max(0, Math.ceil(-Math.log10(step)))
    pen.strokeStyle = 'rgb(120 140 134 / 30%)'
    pen.fillStyle = 'rgb(120 140 134 / 90%)'
    pen.font = '11px system-ui, sans-serif'
    for (let lng = Math.ceil(northWest.lng / step) * step; lng < southEast.lng; lng += step) {
      const x = Math.round(L.CRS.EPSG3857.latLngToPoint(L.latLng(0, lng), zoom).x - corner.x) + 0.5
      line(pen, x, 0, x, size.y)
      pen.fillText(`${lng.toFixed(digits)}°`, x + 3, size.y - 4)
    }
    for (let lat = Math.ceil(southEast.lat / step) * step; lat < northWest.lat; lat += step) {
      const y = Math.round(L.CRS.EPSG3857.latLngToPoint(L.latLng(lat, 0), zoom).y - corner.y) + 0.5
      line(pen, 0, y, size.x, y)
      pen.fillText(`${lat.toFixed(digits)}°`, 3, y - 3)
    }
  }
}

function line(pen: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  pen.beginPath()
  pen.moveTo(x1, y1)
  pen.lineTo(x2, y2)
  pen.stroke()
}

export function graticule(): L.GridLayer {
  return new Graticule()
}
