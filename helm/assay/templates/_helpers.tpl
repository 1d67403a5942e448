{{/* 30 characters, because KubeRay and StatefulSets add to the names that they are given. */}}
{{- define "assay.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-assay" .Release.Name) (contains "assay" .Release.Name) -}}
{{- $name | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{/* What never changes about a pod: Prefect rewrites the other labels of the pods that it starts. */}}
{{- define "assay.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "assay.labels" -}}
{{ include "assay.selector" . }}
app.kubernetes.io/name: assay
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "assay.imageOf" -}}
{{- $tag := .image.tag | default .root.Chart.AppVersion -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}{{ else }}{{ .image.repository }}:{{ $tag }}{{ end -}}
{{- end -}}

{{- define "assay.image" -}}
image: {{ include "assay.imageOf" (dict "root" . "image" .Values.image) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{/* The `restricted` pod security standard, and a root file system that nobody writes to. */}}
{{- define "assay.podSecurity" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "assay.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "assay.secretName" -}}
{{- $given := .existing | default "" -}}
{{- if $given }}{{ $given }}{{ else }}{{ include "assay.fullname" .root }}-{{ .part }}{{ end -}}
{{- end -}}

{{- define "assay.prefectSecret" -}}
{{ include "assay.secretName" (dict "root" . "existing" .Values.prefect.existingSecret "part" "prefect") }}
{{- end -}}
{{- define "assay.mlflowSecret" -}}
{{ include "assay.secretName" (dict "root" . "existing" .Values.mlflow.existingSecret "part" "mlflow") }}
{{- end -}}
{{- define "assay.raySecret" -}}
{{ include "assay.secretName" (dict "root" . "existing" .Values.ray.existingSecret "part" "ray") }}
{{- end -}}
{{- define "assay.servingSecret" -}}
{{ include "assay.secretName" (dict "root" . "existing" .Values.serving.existingSecret "part" "serving") }}
{{- end -}}
{{- define "assay.postgresSecret" -}}
{{ include "assay.secretName" (dict "root" . "existing" .Values.postgres.existingSecret "part" "postgres") }}
{{- end -}}
{{- define "assay.databaseSecret" -}}
{{- if .Values.postgres.enabled }}{{ include "assay.postgresSecret" . }}
{{- else }}{{ required "database.existingSecret is needed where postgres.enabled is false" .Values.database.existingSecret }}{{ end -}}
{{- end -}}

{{- define "assay.homeClaim" -}}
{{ .Values.home.existingClaim | default (printf "%s-home" (include "assay.fullname" .)) }}
{{- end -}}

{{/* A variable from a Secret: dict name, secret, key. */}}
{{- define "assay.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end -}}

{{- define "assay.quietEnv" -}}
- {name: HOME, value: /tmp}
- {name: DO_NOT_TRACK, value: "1"}
- {name: PREFECT_SERVER_ANALYTICS_ENABLED, value: "false"}
- {name: MLFLOW_DISABLE_TELEMETRY, value: "true"}
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
- {name: MLFLOW_ALLOW_PICKLE_DESERIALIZATION, value: "false"}
{{- end -}}

{{- define "assay.s3Env" -}}
{{- if .Values.s3.enabled }}
- {name: AWS_DEFAULT_REGION, value: {{ .Values.s3.region | quote }}}
{{- with .Values.s3.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
- {name: MLFLOW_S3_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.s3.existingSecret }}
{{ include "assay.secretEnv" (dict "name" "AWS_ACCESS_KEY_ID" "secret" . "key" "access-key-id") }}
{{ include "assay.secretEnv" (dict "name" "AWS_SECRET_ACCESS_KEY" "secret" . "key" "secret-access-key") }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "assay.prefectEnv" -}}
- {name: PREFECT_API_URL, value: "http://{{ include "assay.fullname" . }}-prefect:4200/api"}
{{ include "assay.secretEnv" (dict "name" "PREFECT_API_AUTH_STRING" "secret" (include "assay.prefectSecret" .) "key" "auth-string") }}
{{- end -}}

{{- define "assay.mlflowEnv" -}}
- {name: MLFLOW_TRACKING_URI, value: "http://{{ include "assay.fullname" . }}-mlflow:5000"}
- {name: MLFLOW_TRACKING_USERNAME, value: admin}
{{ include "assay.secretEnv" (dict "name" "MLFLOW_TRACKING_PASSWORD" "secret" (include "assay.mlflowSecret" .) "key" "admin-password") }}
{{- end -}}

{{- define "assay.rayEnv" -}}
- {name: RAY_AUTH_MODE, value: {{ .Values.ray.authMode }}}
{{ include "assay.secretEnv" (dict "name" "RAY_AUTH_TOKEN" "secret" (include "assay.raySecret" .) "key" "auth_token") }}
{{- end -}}
