{{/*
Names are fixed, not made from the release's name: Vanguard looks at the whole cluster, and two of them would act
on the same workloads. So Helm itself refuses a second release: its ClusterRole belongs to the first.
*/}}
{{- define "vanguard.name" -}}
vanguard
{{- end }}

{{/* What finds the pods. A Deployment's selector can never change, so nothing that varies is in here. */}}
{{- define "vanguard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "vanguard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What every object carries. */}}
{{- define "vanguard.labels" -}}
{{ include "vanguard.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: vanguard
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image: by digest if there is one, else by tag. */}}
{{- define "vanguard.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* Who the operator is, as the one subject of every role binding. */}}
{{- define "vanguard.subjects" -}}
- kind: ServiceAccount
  name: {{ include "vanguard.name" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
