{{/*
Nothing may talk to anything, and then each flow that there has to be. This table is all of them: who asks whom, where.
*/}}
{{- define "assay.flows" -}}
- {from: prefect, to: postgres, ports: [5432]}
- {from: mlflow, to: postgres, ports: [5432]}
- {from: database-job, to: postgres, ports: [5432]}
- {from: prefect-worker, to: prefect, ports: [4200]}
- {from: deployments, to: prefect, ports: [4200]}
- {from: flow, to: prefect, ports: [4200]}
- {from: flow, to: mlflow, ports: [5000]}
- {from: smoke-test, to: prefect, ports: [4200]}
- {from: smoke-test, to: mlflow, ports: [5000]}
{{- if .Values.ray.enabled }}
# The workers of Ray talk to each other on ports that they choose as they go.
- {from: ray-head, to: ray-worker, ports: []}
- {from: ray-worker, to: ray-head, ports: []}
- {from: ray-worker, to: ray-worker, ports: []}
{{- range (list "ray-head" "ray-worker") }}
- {from: {{ . }}, to: prefect, ports: [4200]}
- {from: {{ . }}, to: mlflow, ports: [5000]}
{{- end }}
{{- end }}
{{- range .Values.serving.models }}
- {from: serve-{{ .name }}, to: mlflow, ports: [5000]}
{{- end }}
{{- end -}}
{{/* Peers outside of this release that may ask one of ours. */}}
{{- define "assay.visitors" -}}
{{- $np := .Values.networkPolicy -}}
{{- $all := list (dict "to" "prefect" "peers" $np.pagesFrom "ports" (list 4200)) (dict "to" "mlflow" "peers" $np.pagesFrom "ports" (list 5000)) -}}
{{- if .Values.ray.enabled }}
{{- $all = append $all (dict "to" "ray-head" "peers" $np.kuberayFrom "ports" (list 8265)) -}}
{{- end }}
{{- if and .Values.ray.enabled .Values.monitoring.enabled }}
{{- $all = concat $all (list (dict "to" "ray-head" "peers" $np.prometheusFrom "ports" (list 8080)) (dict "to" "ray-worker" "peers" $np.prometheusFrom "ports" (list 8080))) -}}
{{- end }}
{{- range .Values.serving.models }}
{{- $all = append $all (dict "to" (printf "serve-%s" .name) "peers" $np.servingFrom "ports" (list 8000)) -}}
{{- if $.Values.monitoring.enabled }}
{{- $all = append $all (dict "to" (printf "serve-%s" .name) "peers" $np.prometheusFrom "ports" (list 8000)) -}}
{{- end }}
{{- end }}
{{- $all | toYaml -}}
{{- end -}}
{{/* Addresses outside of the cluster's network that one of ours asks. */}}
{{- define "assay.errands" -}}
{{- $np := .Values.networkPolicy -}}
{{- $all := list (dict "from" "prefect-worker" "there" $np.kubernetesApi) -}}
{{- if and .Values.ray.enabled .Values.ray.autoscaling.enabled }}
{{- $all = append $all (dict "from" "ray-head" "there" $np.kubernetesApi) -}}
{{- end }}
{{- if and .Values.ray.enabled .Values.ray.gcsFaultTolerance.enabled }}
{{- $all = append $all (dict "from" "ray-head" "there" $np.redis) -}}
{{- end }}
{{- if .Values.s3.enabled }}
{{- $users := list "mlflow" "flow" -}}
{{- if .Values.ray.enabled }}{{ $users = concat $users (list "ray-head" "ray-worker") }}{{ end }}
{{- range $users }}
{{- $all = append $all (dict "from" . "there" $np.s3) -}}
{{- end }}
{{- end }}
{{- if not .Values.postgres.enabled }}
{{- range (list "prefect" "mlflow" "database-job") }}
{{- $all = append $all (dict "from" . "there" $np.database) -}}
{{- end }}
{{- end }}
{{- $all | toYaml -}}
{{- end -}}
{{- define "assay.ports" -}}
{{- with . }}
ports:
  {{- range . }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- end }}
{{- end -}}
