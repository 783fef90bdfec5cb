// Package sample makes stores of the products: large ones for measurements, and small
// ones that read like a person's. What it makes is the same each time.
package sample
