package admin

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// defaultMergeWindow is Envoy's.
const defaultMergeWindow = time.Second

// clusterText is a cluster in a dump. What has its default is left out there.
type clusterText struct {
	Name        string
	Type        string
	ClusterType struct{ Name string } `json:"cluster_type"`

	Policy       string     `json:"lb_policy"`
	LeastRequest policyText `json:"least_request_lb_config"`
	RoundRobin   policyText `json:"round_robin_lb_config"`
	Typed        policyList `json:"load_balancing_policy"`

	HealthChecks []struct{} `json:"health_checks"`
	Common       struct {
		MergeWindow *duration `json:"update_merge_window"`
		ByLocality  *struct{} `json:"locality_weighted_lb_config"`
	} `json:"common_lb_config"`
}

// policyText is a policy's options, whichever it is.
type policyText struct {
	Type      string         `json:"@type"`
	Bias      *runtimeDouble `json:"active_request_bias"`
	SlowStart *slowStart     `json:"slow_start_config"`
	Inner     policyList     `json:"endpoint_picking_policy"`
}

type slowStart struct {
	Window duration `json:"slow_start_window"`
}

type policyList struct {
	Policies []struct {
		Extension struct {
			Name   string
			Config policyText `json:"typed_config"`
		} `json:"typed_extension_config"`
	}
}

func (c *clusterText) config() ClusterConfig {
	out := ClusterConfig{
		Name: c.Name, Discovery: cmp.Or(c.ClusterType.Name, c.Type, "STATIC"),
		MergeWindow:   defaultMergeWindow,
		HealthChecked: len(c.HealthChecks) > 0, ByLocality: c.Common.ByLocality != nil,
	}
	if w := c.Common.MergeWindow; w != nil {
		out.MergeWindow = time.Duration(*w)
	}
	if len(c.Typed.Policies) > 0 {
		out.typed(c.Typed)
		return out
	}
	policy := resource.Policy(cmp.Or(c.Policy, string(resource.RoundRobin)))
	switch policy {
	case resource.LeastRequest:
		out.options(policy, &c.LeastRequest)
	case resource.RoundRobin:
		out.options(policy, &c.RoundRobin)
	case resource.Random, resource.RingHash, resource.Maglev:
		out.options(policy, &policyText{})
	default:
		out.Other = string(policy)
	}
	return out
}

// maxNested bounds policies within policies.
const maxNested = 3

// typed takes the first policy that trimtab knows, as Envoy takes the first that it
// knows.
func (c *ClusterConfig) typed(list policyList) {
	c.Other = cmp.Or(list.Policies[0].Extension.Name, "without a name")
	for range maxNested {
		for _, p := range list.Policies {
			_, message, _ := strings.Cut(p.Extension.Config.Type, "load_balancing_policies.")
			switch kind, _, _ := strings.Cut(message, "."); kind {
			case "least_request":
				c.options(resource.LeastRequest, &p.Extension.Config)
			case "round_robin":
				c.options(resource.RoundRobin, &p.Extension.Config)
			case "random":
				c.options(resource.Random, &p.Extension.Config)
			case "ring_hash":
				c.options(resource.RingHash, &p.Extension.Config)
			case "maglev":
				c.options(resource.Maglev, &p.Extension.Config)
			case "client_side_weighted_round_robin":
				c.options(resource.ClientSideWeightedRoundRobin, &p.Extension.Config)
			case "wrr_locality":
				c.ByLocality = true
				list = p.Extension.Config.Inner
			default:
				continue
			}
			break
		}
		if c.Other == "" {
			return
		}
	}
}

func (c *ClusterConfig) options(policy resource.Policy, text *policyText) {
	c.Other = ""
	c.Balancing = resource.Balancing{Policy: policy, ActiveRequestBias: math.NaN()}
	if text.Bias != nil {
		c.Balancing.ActiveRequestBias = float64(*text.Bias)
	}
	if text.SlowStart != nil {
		c.SlowStart = time.Duration(text.SlowStart.Window)
	}
}

// duration is as protobuf writes it: "1.5s".
type duration time.Duration

func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	*d = duration(parsed)
	return err
}

// runtimeDouble is a number that may be changed while Envoy runs; what it was
// changed to is not told.
type runtimeDouble float64

func (r *runtimeDouble) UnmarshalJSON(data []byte) error {
	var text struct {
		Default json.RawMessage `json:"default_value"` // 0 is left out
	}
	if err := json.Unmarshal(data, &text); err != nil || text.Default == nil {
		*r = 0
		return err
	}
	// Protobuf puts what JSON has no number for in quotes.
	value, err := strconv.ParseFloat(strings.Trim(string(text.Default), `"`), 64)
	*r = runtimeDouble(value)
	return err
}
