import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, MarkLineComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Step } from './sweep.ts'

use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TitleComponent, SVGRenderer])

const font = 'system-ui, sans-serif'
const panels = [
  { name: 'a second', top: 70 },
  { name: 'milliseconds', top: 290 },
  { name: 'MiB', top: 510 }
]
const height = 140

/** Draws the sweep: rates, times and memory over the number of callers. */
export function drawSweep (steps: Step[], queueMilliseconds: number): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 710 })
  const line = (name: string, panel: number, color: string, value: (step: Step) => number, extra: object = {}) => ({
    name, type: 'line' as const, xAxisIndex: panel, yAxisIndex: panel, color, symbolSize: 6,
    data: steps.map(step => Number(value(step).toFixed(2))), ...extra
  })
  const limit = {
    markLine: {
      symbol: 'none', silent: true, lineStyle: { color: '#999999', type: 'dashed' },
      label: { formatter: 'queue limit', position: 'insideStartTop' }, data: [{ yAxis: queueMilliseconds }]
    }
  }
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: font },
    title: { text: 'Logins from 1 to 512 callers', left: 'center', top: 8, textStyle: { fontSize: 16 } },
    legend: { top: 36 },
    grid: panels.map(({ top }) => ({ top, height, left: 70, right: 30 })),
    xAxis: panels.map((_, gridIndex) => ({
      gridIndex, type: 'category' as const, data: steps.map(({ callers }) => String(callers)),
      ...(gridIndex === 2 && { name: 'callers', nameLocation: 'middle' as const, nameGap: 28 })
    })),
    yAxis: panels.map(({ name }, gridIndex) => ({
      gridIndex, name, ...(gridIndex === 1 ? { type: 'log' as const, min: 1 } : { type: 'value' as const, min: 0 })
    })),
    series: [
      line('logins', 0, '#1f77b4', ({ perSecond }) => perSecond),
      line('refused', 0, '#d62728', ({ refusedPerSecond }) => refusedPerSecond),
      line('p50', 1, '#2ca02c', ({ p50 }) => p50),
      line('p99', 1, '#ff7f0e', ({ p99 }) => p99, limit),
      line('/healthz p99', 1, '#9467bd', ({ healthP99 }) => Math.max(1, healthP99)),
      line('resident memory', 2, '#8c564b', ({ mebibytes }) => mebibytes)
    ]
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
