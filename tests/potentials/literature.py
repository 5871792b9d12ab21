"""Energies from the literature, what is known of them far out, and where they come from."""

from __future__ import annotations

GROWS = {
    # optimisation
    "(1-w1)**2 + 100*(w2-w1**2)**2": "Rosenbrock 1960, Comput. J. 3, 175",
    "100*(w2-w1**2)**2 + (1-w1)**2 + 100*(w3-w2**2)**2 + (1-w2)**2": "Rosenbrock in three coordinates",
    "(w1**2+w2-11)**2 + (w1+w2**2-7)**2": "Himmelblau 1972",
    "(w1**4-16*w1**2+5*w1)/2 + (w2**4-16*w2**2+5*w2)/2": "Styblinski & Tang 1990, Neural Netw. 3, 467",
    "4*w1**2-2.1*w1**4+w1**6/3+w1*w2-4*w2**2+4*w2**4": "six-hump camel, Dixon & Szego 1978",
    "2*w1**2-1.05*w1**4+w1**6/6+w1*w2+w2**2": "three-hump camel, Dixon & Szego 1978",
    "(w1+2*w2-7)**2 + (2*w1+w2-5)**2": "Booth; Jamil & Yang 2013",
    "0.26*(w1**2+w2**2) - 0.48*w1*w2": "Matyas; Jamil & Yang 2013",
    "(w1-1)**2 + 2*(2*w2**2-w1)**2": "Dixon & Price 1989, J. Optim. Theory Appl. 60, 261",
    "(w1+10*w2)**2 + 5*(w3-w4)**2 + (w2-2*w3)**4 + 10*(w1-w4)**4": "Powell 1962, Comput. J. 5, 147",
    "100*(w1**2-w2)**2+(w1-1)**2+(w3-1)**2+90*(w3**2-w4)**2+10.1*((w2-1)**2+(w4-1)**2)+19.8*(w2-1)*(w4-1)":
        "Wood; Colville 1968",
    "(-13+w1+((5-w2)*w2-2)*w2)**2 + (-29+w1+((w2+1)*w2-14)*w2)**2": "Freudenstein & Roth 1963, J. ACM 10, 550",
    "w1**2+w2**2 + (0.5*w1+w2)**2 + (0.5*w1+w2)**4": "Zakharov; Jamil & Yang 2013",
    "20 + w1**2+w2**2 - 10*cos(2*pi*w1) - 10*cos(2*pi*w2)": "Rastrigin 1974",
    "1 + (w1**2+w2**2)/4000 - cos(w1)*cos(w2/sqrt(2))": "Griewank 1981, J. Optim. Theory Appl. 34, 11",
    "sin(3*pi*w1)**2 + (w1-1)**2*(1+sin(3*pi*w2)**2) + (w2-1)**2*(1+sin(2*pi*w2)**2)": "Levy & Montalvo 1985",
    "w1**4*w2**2 + w1**2*w2**4 - 3*w1**2*w2**2 + 1 + 0.01*(w1**2+w2**2)": "Motzkin 1967 with a weak regulariser",
    # molecules and kinetics
    "-200*exp(-(w1-1)**2-10*w2**2) - 100*exp(-w1**2-10*(w2-0.5)**2)"
    " - 170*exp(-6.5*(w1+0.5)**2+11*(w1+0.5)*(w2-1.5)-6.5*(w2-1.5)**2)"
    " + 15*exp(0.7*(w1+1)**2+0.6*(w1+1)*(w2-1)+0.7*(w2-1)**2)": "Mueller & Brown 1979, Theor. Chim. Acta 53, 75",
    "4*(w**8 + 0.8*exp(-80*w**2) + 0.2*exp(-80*(w-0.5)**2) + 0.5*exp(-40*(w+0.5)**2))":
        "Prinz et al. 2011, J. Chem. Phys. 134, 174105",
    "w1**4+w2**4-2*w1**2-4*w2**2+w1*w2+0.3*w1+0.1*w2": "Wolfe & Quapp; Quapp 2005, J. Chem. Phys. 122, 174106",
    "(w**2-1)**2 - 0.15*w": "Kramers 1940, tilted quartic",
    "w**2*(w**2-1)**2 + w/10": "triple well",
    "exp(w) - w - 1": "Toda 1967, J. Phys. Soc. Jpn. 22, 431",
    "1 - cos(w) + w**2/20": "rf SQUID; Leggett 1980",
    "(w1**2-1)**2 + (w2**2-1)**2 + (w1-w2)**2/2": "coupled double wells; Berglund, Fernandez & Gentz 2007",
    "(w1**2+w2**2-1)**2": "Goldstone 1961",
    "(w1**2+w2**2-1)**2 + w1/5": "tilted ring",
    "w**6 - 3*w**4 + w**2 + w/4": "butterfly catastrophe; Thom 1972",
    "(w**2-1)**2/(1+w**2)": "rational double well",
    "1 - exp(-(w-1)**2) - exp(-(w+1)**2) + w**2/100": "Gaussian wells in a weak trap",
    "w1**4/4 - w1**2/2 + (1+w1**2)*w2**2/2": "entropic double well",
    # learning
    "(w1*w2-1)**2 + 0.1*(w1**2+w2**2)": "two weights in a row with weight decay; Saxe et al. 2014",
    "(w1*w2-1)**2 + (w1-w2)**2": "balanced weights; Du, Hu & Lee 2018",
    "(w1*w2*w3-1)**2 + 0.01*(w1**2+w2**2+w3**2)": "three weights in a row; Saxe et al. 2014",
    "(tanh(w)-0.5)**2 + w**2/10": "tanh regression with weight decay",
    "(w2*tanh(w1)-0.5)**2 + (w2*tanh(2*w1)-0.7)**2 + 0.01*(w1**2+w2**2)": "one tanh unit with weight decay",
    "log(1+exp(-w)) + w**2/10": "logistic regression with a Gaussian prior",
    "log(1+exp(-w1-w2)) + log(1+exp(w1)) + w1**2/20 + w2**2/20": "logistic regression on two examples",
    "log(1+exp(w)) - w/2": "logistic regression on two opposite labels",
    "w1**2/200 + (w2+0.03*w1**2-3)**2/2": "banana; Haario et al. 1999, Comput. Stat. 14, 375",
    # robust losses
    "log(1+w**2) + w**2/10": "Lorentzian loss with a Gaussian prior",
    "log(1+w**2)": "Cauchy 1853",
    "3*log(1+(w-1)**2/5) + 3*log(1+(w+1)**2/5)": "Student errors; Lange, Little & Taylor 1989",
    "sqrt(1+w**2)": "pseudo-Huber; Charbonnier et al. 1997",
    "log(cosh(w))": "log cosh loss; Green 1990",
    "abs(w)": "Laplace 1774",
    "abs(w-1) + abs(w+2) + abs(w)/3": "median",
    "w**2/2 + abs(w)": "elastic net; Zou & Hastie 2005",
    "(w1-1)**2 + (w1-w2)**2 + abs(w1) + abs(w2)": "lasso; Tibshirani 1996",
    "abs(w1)**1.5 + abs(w2-w1**2)**1.5": "bridge penalty on a parabola",
}  # fmt: skip

DOES_NOT = {
    "w**3 - 3*w": "fold catastrophe; Thom 1972",
    "w**5 - w**3": "swallowtail catastrophe; Thom 1972",
    "w1**3 - 3*w1*w2**2": "elliptic umbilic; Thom 1972",
    "-w**4 + w**2": "inverted double well",
    "(w1**2+w2**2)/2 + w1**2*w2 - w2**3/3": "Henon & Heiles 1964, Astron. J. 69, 73",
    "(w1*w2)**2": "normal crossing; Watanabe 2009",
    "(w1*w2-1)**2": "two weights in a row without decay",
    "(w1*w2-1)**2 + 0.1*w1**2": "decay of one of two weights",
    "(w1*w2*w3-1)**2": "three weights in a row without decay",
    "(w1-w2**2)**2": "parabolic valley",
    "(w1**2-w2**3)**2": "cusp; Watanabe 2009",
    "w1**4 - 3*w1**2*w2**2 + w2**4": "indefinite quartic form",
    "w1**2 + w2**2 + w3**2 - 2*w1*w2": "semidefinite quadratic form",
    "w1**4 + w2**2 + w3**2 - w1**3*w2": "falls along a parabola",
    "w1**4*w2**2 + w1**2*w2**4 - 3*w1**2*w2**2 + 1": "Motzkin 1967",
    "(1.5-w1+w1*w2)**2 + (2.25-w1+w1*w2**2)**2 + (2.625-w1+w1*w2**3)**2": "Beale 1958; Jamil & Yang 2013",
    "sin(w1+w2) + (w1-w2)**2 - 1.5*w1 + 2.5*w2 + 1": "McCormick 1976",
    "-20*exp(-0.2*sqrt((w1**2+w2**2)/2)) - exp((cos(2*pi*w1)+cos(2*pi*w2))/2) + 23": "Ackley 1987",
    "-cos(w1)*cos(w2)*exp(-(w1-pi)**2-(w2-pi)**2)": "Easom 1990",
    "(1-exp(-w))**2": "Morse 1929, Phys. Rev. 34, 57",
    "-cos(w) + w/10": "tilted washboard; Risken 1989",
    "1 - cos(w)": "pendulum",
    "exp(w)": "wall",
    "w**2/(1+w**2)": "Geman & McClure 1987",
    "1 - exp(-w**2)": "Welsch 1978",
    "log(1+(w1-w2)**2)": "Lorentzian loss of a difference",
    "(tanh(w1)*w2-0.5)**2": "one tanh unit without decay",
    "log(1+exp(-w)) + log(1+exp(-2*w))": "logistic regression on separable data; Soudry et al. 2018",
    "abs(w1-w2)": "least absolute difference",
    "(w1-sqrt(2)*w2)**2": "irrational valley",
    "1/(1+w**2) - w": "a hump on a slope",
}  # fmt: skip

CANNOT_BE_SHOWN = {
    "1/w**12 - 1/w**6": "Lennard-Jones 1924: a pole",
    "log(w)": "not real everywhere",
    "tan(w) + w**2": "poles",
    "w1**2/18 + w1/2 + w2**2*exp(-w1)/2": "funnel; Neal 2003: grows like a squared logarithm",
    "(1+(w1+w2+1)**2*(19-14*w1+3*w1**2-14*w2+6*w1*w2+3*w2**2))"
    "*(30+(2*w1-3*w2)**2*(18-32*w1+12*w1**2+48*w2-36*w1*w2+27*w2**2))": "Goldstein & Price 1971: grows",
    "-w*sin(sqrt(1+w**2))": "Schwefel 1981: neither bounded nor falling along a line",
}  # fmt: skip
