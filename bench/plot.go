package main

import "errors"

type plotOptions struct {
	Results string `arg:"" help:"File of --json."`
	Folder  string `arg:"" help:"Where the plots are put, as SVG."`
}

func (o *plotOptions) run() error { return errors.New("later") }
